{{ canonical('usage_event') }}
