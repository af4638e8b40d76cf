{{ canonical('subscription') }}
