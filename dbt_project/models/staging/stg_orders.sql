{{ canonical('order') }}
