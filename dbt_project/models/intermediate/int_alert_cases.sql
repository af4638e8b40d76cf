{#- A view: the ledger goes on between two builds, and whoever asks sees it as it stands. -#}
{{ config(materialized='view') }}
with events as (
    select
        event_id,
        case_id,
        as_of_date,
        kind,
        happened_at,
        {{ json_text('detail', 'level') }} as level,
        {{ json_text('detail', 'by') }} as answered_by,
        cast({{ json_text('detail', 'event_id') }} as {{ type_bigint() }}) as about_event_id
    from {{ source('alerts', 'case_event') }}
),

fired as (
    -- A case that opens low is watched, and is no alert before it rises.
    select case_id, min(as_of_date) as fired_as_of
    from events
    where kind in ('opened', 'raised') and level <> 'low'
    group by case_id
),

answered as (
    select answers.case_id, min(answers.happened_at) as acknowledged_at
    from events as answers
    left join events as undone
        on
            answers.case_id = undone.case_id
            and undone.kind = 'taken_back'
            and answers.event_id = undone.about_event_id
    where
        answers.kind in ('acknowledged', 'started', 'snoozed', 'closed')
        and answers.answered_by is not null
        and undone.event_id is null
    group by answers.case_id
),

told as (
    select case_id, min(sent_at) as told_at
    from {{ source('alerts', 'outbox') }}
    where kind = 'case' and sent_at is not null
    group by case_id
),

steps as (
    select
        tasks.case_id,
        tasks.step,
        row_number() over (partition by tasks.case_id order by tasks.task_id) as place
    from {{ source('alerts', 'task') }} as tasks
    inner join {{ source('alerts', 'case') }} as owning on tasks.case_id = owning.case_id and tasks.role = owning.route
),

final as (
    select
        cases.case_id,
        cases.customer_id,
        cases.episode,
        cases.state,
        cases.level,
        cases.route,
        coalesce(cases.owner_name, cases.owner_email, 'nobody') as manager,
        steps.step as playbook,
        cases.value_at_stake,
        cases.expected_loss,
        cases.withheld,
        cases.arm,
        cases.drawn_as_of,
        cases.control_share,
        cases.opened_as_of,
        -- A case whose signals are gone fired when it was opened.
        coalesce(fired.fired_as_of, case when cases.level <> 'low' then cases.opened_as_of end) as fired_as_of,
        coalesce(cases.drawn_as_of, fired.fired_as_of, cases.opened_as_of) as window_from,
        told.told_at,
        answered.acknowledged_at,
        cases.closed_as_of,
        cases.closed_at,
        cases.outcome,
        cases.intervention,
        cases.intervention_presumed,
        cases.intervention_cost
    from {{ source('alerts', 'case') }} as cases
    left join fired on cases.case_id = fired.case_id
    left join told on cases.case_id = told.case_id
    left join answered on cases.case_id = answered.case_id
    left join steps on cases.case_id = steps.case_id and steps.place = 1
)

select * from final
