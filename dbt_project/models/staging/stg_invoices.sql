{{ canonical('invoice') }}
