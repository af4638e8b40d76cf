{{ canonical('interaction') }}
