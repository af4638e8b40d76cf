{{ canonical('payment') }}
