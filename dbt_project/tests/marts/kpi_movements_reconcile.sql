-- What a month opens with and what moved in it is what it closes with: customers and value, to the cent.
select *
from {{ ref('kpi_movements') }}
where
    opening_customers + new_customers + reactivated_customers - churned_customers <> closing_customers
    or opening_value + new_value + reactivated_value + expansion_value - contraction_value - churned_value
    <> closing_value
