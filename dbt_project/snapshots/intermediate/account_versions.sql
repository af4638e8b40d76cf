{% snapshot account_versions %}
{{ config(unique_key=['source', 'account_id'], strategy='check', check_cols=[
    'segment', 'industry', 'region', 'country', 'city', 'owner_id',
]) }}
{{ rows_to_version(
    ref('stg_accounts'),
    ['source', 'account_id'],
    ['segment', 'industry', 'region', 'country', 'city', 'owner_id'],
) }}
{% endsnapshot %}
