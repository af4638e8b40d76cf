{{ canonical('marketing_event') }}
