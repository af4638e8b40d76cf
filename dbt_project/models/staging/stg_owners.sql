{{ canonical('owner') }}
