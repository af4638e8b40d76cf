{{ canonical('ticket') }}
