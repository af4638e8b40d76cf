{{ canonical('account_link') }}
