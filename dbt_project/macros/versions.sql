{# Versions of rows (slowly changing dimensions). dbt's own snapshot does the comparing; here stand its clock and its
   limits. A version is valid from the as-of date of the run that first saw it, in [valid_from, valid_to). #}

{# The clock of dbt's snapshots. They would read the wall's; a run that is repeated must write the same rows. #}
{% macro snapshot_get_time() %}{{ return(run_as_of_date()) }}{% endmacro %}
{% macro postgres__snapshot_get_time() %}{{ return(run_as_of_date()) }}{% endmacro %}
{% macro default__snapshot_get_time() %}{{ return(run_as_of_date()) }}{% endmacro %}


{# Whether this run may write versions. A backfill and a run of an earlier day may not: today's state is not theirs. #}
{% macro takes_versions() %}{{ return(of_this_run('FOREWARN_TAKE_VERSIONS') == '1') }}{% endmacro %}


{# What a snapshot looks at: the relation's rows, or in a run that takes no versions the ones it holds, so that it finds
   nothing to do. A null in the key would be a new row on each day. #}
{% macro rows_to_version(relation, key, columns) %}
{%- set existing = load_relation(this) if execute else none -%}
select
    {{ (key + columns) | join(',\n    ') }}
{%- if takes_versions() or not existing %}
from {{ relation }}
where
    {% for name in key %}{{ name }} is not null{{ ' and ' if not loop.last }}{% endfor %}
    {{ 'and 1 = 0' if not takes_versions() }}
{%- else %}
from {{ this }}
where valid_to is null
{%- endif %}
{% endmacro %}


{# Before the day's versions are taken again: as if those of the same day had not been. #}
{% macro forget_versions_of_the_day() %}
    {%- if execute and takes_versions() and load_relation(this) -%}
        delete from {{ this }} where valid_from = {{ run_as_of_date() }};
        update {{ this }} set valid_to = null where valid_to = {{ run_as_of_date() }}
    {%- endif -%}
{% endmacro %}


{# Whether a period of customer_history is that of a day; before the first that is known, the first is. #}
{% macro stood_on(history, day) -%}
    ({{ history }}.valid_from <= {{ day }} or {{ history }}.is_first)
    and ({{ history }}.valid_to is null or {{ history }}.valid_to > {{ day }})
{%- endmacro %}


{# The type by which a customer is weighed, of the period of customer_history that is joined as `history`. A run that
   takes no versions may have customers of whom there is none yet: for these the type of today stands. #}
{% macro customer_type() -%}
    lower(trim(case when history.customer_id is null then customers.segment else history.segment end))
{%- endmacro %}
