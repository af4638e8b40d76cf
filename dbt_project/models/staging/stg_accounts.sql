{{ canonical('account') }}
