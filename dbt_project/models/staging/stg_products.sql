{{ canonical('product') }}
