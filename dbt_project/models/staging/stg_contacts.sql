{{ canonical('contact') }}
