{% snapshot subscription_versions %}
{{ config(unique_key=['source', 'subscription_id'], strategy='check', check_cols=[
    'account_source', 'account_id', 'plan', 'mrr', 'seats', 'started_at', 'renews_at', 'ended_at', 'cancelled_at',
]) }}
{{ rows_to_version(
    ref('stg_subscriptions'),
    ['source', 'subscription_id'],
    [
        'account_source', 'account_id', 'plan', 'mrr', 'seats', 'started_at', 'renews_at', 'ended_at', 'cancelled_at',
    ],
) }}
{% endsnapshot %}
