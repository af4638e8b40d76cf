{% snapshot owner_versions %}
{{ config(unique_key=['source', 'owner_id'], strategy='check', check_cols=[
    'name', 'team', 'region', 'lead_owner_id', 'active',
]) }}
{{ rows_to_version(
    ref('stg_owners'),
    ['source', 'owner_id'],
    ['name', 'team', 'region', 'lead_owner_id', 'active'],
) }}
{% endsnapshot %}
