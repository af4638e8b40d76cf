{{ canonical('return') }}
