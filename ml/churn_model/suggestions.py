"""What else a customer would buy: articles that buyers of their articles buy as well, with the orders that say so.

Association rules over the articles of a year (FP-growth, Han et al. 2000; rules as Agrawal & Srikant 1994), mined by
mlxtend from a sample of customers and applied in the warehouse to all of them. A rule must hold more often than chance.
How good that is, is measured out of time: rules of a quarter ago against what was bought since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from psycopg2 import extensions
from psycopg2.extras import execute_values

from churn_model.tracking import logged_run
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected
from forewarn.warehouse.engine import connect

WINDOW_DAYS = 365
TESTED_DAYS = 90
PLACES = 3
MOST_ARTICLES = 150
MOST_CUSTOMERS = 20_000
FEWEST_CUSTOMERS = 100
FEWEST_BUYERS = 20
SMALLEST_SHARE = 0.01
SMALLEST_LIFT = 1.2
LONGEST = 3  # articles of a rule: one or two that were bought, and the one that is suggested

# Each customer's articles of a year before a date, as far as they were known then, with the newest order of each.
_BOUGHT = """
create temporary table {name} on commit drop as
select items.customer_id, items.product_source, items.product_id, max(items.day || '|' || items.order_key) as newest
from intermediate.int_order_items as items
where items.day < %(day)s and items.day >= %(day)s - %(window)s and items.known_day < %(day)s
    and (items.cancelled_day is null or items.cancelled_day >= %(day)s)
group by items.customer_id, items.product_source, items.product_id
"""
_ARTICLES = """
create temporary table {name}_article on commit drop as
select row_number() over (order by count(*) desc, product_source, product_id)::int as article, product_source,
    product_id, count(*) as buyers
from {name} group by product_source, product_id having count(*) >= %(fewest)s
order by count(*) desc, product_source, product_id limit %(most)s;
create temporary table {name}_basket on commit drop as
select bought.customer_id, article.article, bought.newest
from {name} as bought join {name}_article as article using (product_source, product_id);
create index on {name}_basket (article, customer_id);
analyze {name}_basket
"""
_RANKED = """
create temporary table {name}_suggested on commit drop as
with fired as (
    select first.customer_id, rule.*, row_number() over (
        partition by first.customer_id, rule.suggested order by rule.confidence desc, rule.lift desc, rule.rule
    ) as best
    from {name}_rule as rule
    join {name}_basket as first on first.article = rule.first
    left join {name}_basket as second on second.article = rule.second and second.customer_id = first.customer_id
    where (rule.second is null or second.customer_id is not null)
        and not exists (
            select from {name}_basket as has
            where has.customer_id = first.customer_id and has.article = rule.suggested
        )
)
select * from (
    select fired.*, row_number() over (
        partition by customer_id order by confidence desc, lift desc, suggested
    )::int as place
    from fired where best = 1
) as placed where place <= %(places)s
"""
_WRITE = """
insert into ml.suggestion (customer_id, as_of_date, place, product_source, product_id, product, because, confidence,
    lift, buyers, computed_at)
select suggested.customer_id, %(day)s, suggested.place, article.product_source, article.product_id,
    coalesce(product.name, article.product_id),
    (
        select jsonb_agg(jsonb_build_object(
            'product_source', had.product_source, 'product_id', had.product_id,
            'product', coalesce(named.name, had.product_id), 'day', split_part(basket.newest, '|', 1),
            'source', split_part(basket.newest, '|', 2),
            'order_id', substr(basket.newest, length(split_part(basket.newest, '|', 1))
                + length(split_part(basket.newest, '|', 2)) + 3)
        ) order by basket.article)
        from present_basket as basket
        join present_article as had using (article)
        left join staging.stg_products as named
            on (named.source, named.product_id) = (had.product_source, had.product_id)
        where basket.customer_id = suggested.customer_id and basket.article in (suggested.first, suggested.second)
    ),
    suggested.confidence, suggested.lift, suggested.buyers, %(now)s
from present_suggested as suggested
join present_article as article on article.article = suggested.suggested
left join staging.stg_products as product
    on (product.source, product.product_id) = (article.product_source, article.product_id)
"""
_HITS = """
with since as (
    select distinct items.customer_id, article.article
    from intermediate.int_order_items as items join earlier_article as article using (product_source, product_id)
    where items.day >= %(then)s and items.day < %(day)s and items.known_day < %(day)s
        and (items.cancelled_day is null or items.cancelled_day >= %(day)s)
),
popular as (
    -- The articles that most customers buy and this one does not: as many as were suggested to them.
    select customer_id, article from (
        select wanted.customer_id, article.article, wanted.places,
            row_number() over (partition by wanted.customer_id order by article.article) as place
        from (select customer_id, max(place) as places from earlier_suggested group by customer_id) as wanted
        cross join earlier_article as article
        where not exists (
            select from earlier_basket as has
            where has.customer_id = wanted.customer_id and has.article = article.article
        )
    ) as ranked where place <= places
)
select (select avg((since.article is not null)::int) from earlier_suggested as told
        left join since on since.customer_id = told.customer_id and since.article = told.suggested),
    (select avg((since.article is not null)::int) from popular
        left join since on since.customer_id = popular.customer_id and since.article = popular.article)
"""


@dataclass(frozen=True)
class Suggestions:
    """What was suggested on a date.

    Attributes
    ----------
    hit_rate, popular_hit_rate : float or None
        Share of what would have been suggested a quarter ago that was bought since, and of what most customers buy and
        these did not; None where that quarter suggested nothing.
    """

    as_of_date: date
    rules: int
    customers: int
    suggestions: int
    hit_rate: float | None
    popular_hit_rate: float | None


def find_suggestions(
    settings: Settings, *, as_of_date: date, run_id: str, now: datetime, keep: bool = True
) -> Suggestions:
    """Suggest up to three articles to each customer, log how good that is, and replace the date's rows.

    Without `keep` nothing is logged, and the rows are as they were.

    Raises
    ------
    ModelRejected
        Too few customers buy articles that are told apart.
    """
    then = as_of_date - timedelta(days=TESTED_DAYS)
    with connect(settings.warehouse_url, application="forewarn suggestions") as connection:
        with connection.cursor() as cursor:
            rules = _suggest(cursor, "present", as_of_date)
            if rules is None:
                raise ModelRejected(
                    f"suggestions of {as_of_date}",
                    expected=f"{FEWEST_CUSTOMERS} customers with articles that at least {FEWEST_BUYERS} of them buy",
                    got="fewer",
                    next_step="map `order_line.product_id` of a source, and build the date",
                )
            cursor.execute("delete from ml.suggestion where as_of_date = %s", [as_of_date])
            cursor.execute(_WRITE, {"day": as_of_date, "now": now})
            written = cursor.rowcount
            cursor.execute("select count(distinct customer_id) from present_suggested")
            (customers,) = cursor.fetchone() or (0,)
            hits: tuple[float | None, float | None] = (None, None)
            if _suggest(cursor, "earlier", then):
                cursor.execute(_HITS, {"then": then, "day": as_of_date})
                told, popular = cursor.fetchone() or (None, None)
                hits = (None if told is None else float(told), None if popular is None else float(popular))
        found = Suggestions(as_of_date, rules, customers, written, *hits)
        if keep:
            _log(settings, found, run_id=run_id, now=now)
            connection.commit()
    return found


def _suggest(cursor: extensions.cursor, name: str, day: date) -> int | None:
    """Fill the temporary tables `name_*` for a date; return the number of rules, None where nothing can be mined."""
    cursor.execute(_BOUGHT.format(name=name), {"day": day, "window": WINDOW_DAYS})
    cursor.execute(f"select count(distinct customer_id) from {name}")
    (customers,) = cursor.fetchone() or (0,)
    fewest = max(FEWEST_BUYERS, int(np.ceil(SMALLEST_SHARE * customers)))
    cursor.execute(_ARTICLES.format(name=name), {"fewest": fewest, "most": MOST_ARTICLES})
    cursor.execute(f"select count(*) from {name}_article")
    (articles,) = cursor.fetchone() or (0,)
    if customers < FEWEST_CUSTOMERS or articles < 2:
        return None
    cursor.execute(
        f"select customer_id, array_agg(article) from {name}_basket group by customer_id order by customer_id limit %s",
        [MOST_CUSTOMERS],
    )
    rules = mine([row[1] for row in cursor.fetchall()], articles)
    cursor.execute(
        f"create temporary table {name}_rule (rule int, first int, second int, suggested int, confidence float8,"
        " lift float8, buyers int) on commit drop"
    )
    rows = [(n, *rule.bought, *(None,) * (2 - len(rule.bought)), *rule.figures) for n, rule in enumerate(rules)]
    execute_values(cursor, f"insert into {name}_rule values %s", rows)
    cursor.execute(f"analyze {name}_rule")
    cursor.execute(_RANKED.format(name=name), {"places": PLACES})
    return len(rules)


@dataclass(frozen=True)
class Rule:
    """Who bought `bought` buys `suggested`: how often, how much oftener than all do, and how many did."""

    bought: tuple[int, ...]
    suggested: int
    confidence: float
    lift: float
    buyers: int

    @property
    def figures(self) -> tuple[int, float, float, int]:
        """What stands beside the articles of the rule."""
        return self.suggested, self.confidence, self.lift, self.buyers


def mine(baskets: Sequence[Sequence[int]], articles: int) -> list[Rule]:
    """Return the rules of baskets, the surest first.

    Parameters
    ----------
    baskets : sequence of sequence of int
        Articles of each customer who bought one of them, numbered from 1; shares are of these customers.
    articles : int
        How many there are.
    """
    if len(baskets) < FEWEST_BUYERS:
        return []
    import pandas as pd
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    matrix = np.zeros((len(baskets), articles), dtype=bool)
    for row, basket in enumerate(baskets):
        matrix[row, np.asarray(basket) - 1] = True
    support = max(SMALLEST_SHARE, FEWEST_BUYERS / len(matrix))
    frame = pd.DataFrame(matrix, columns=range(1, articles + 1))
    frequent = fpgrowth(frame, min_support=support, max_len=LONGEST, use_colnames=True)
    if frequent.empty:
        return []
    found = association_rules(frequent, metric="lift", min_threshold=SMALLEST_LIFT)
    rules = [
        Rule(tuple(sorted(bought)), next(iter(suggested)), float(confidence), float(lift), round(share * len(matrix)))
        for bought, suggested, confidence, lift, share in zip(
            found["antecedents"],
            found["consequents"],
            found["confidence"],
            found["lift"],
            found["support"],
            strict=True,
        )
        if len(suggested) == 1
    ]
    return sorted(rules, key=lambda rule: (-rule.confidence, rule.bought, rule.suggested))


def _log(settings: Settings, found: Suggestions, *, run_id: str, now: datetime) -> None:
    day = found.as_of_date.isoformat()
    tags = {"forewarn.kind": "suggestions", "forewarn.run_id": run_id, "forewarn.as_of_date": day}
    with logged_run(settings, f"suggestions {day}", tags, now=now):
        import mlflow

        mlflow.log_params({"method": "FP-growth", "smallest_lift": SMALLEST_LIFT, "window_days": WINDOW_DAYS})
        figures: Mapping[str, float | None] = {
            "rules": found.rules,
            "customers": found.customers,
            "suggestions": found.suggestions,
            "hit_rate": found.hit_rate,
            "popular_hit_rate": found.popular_hit_rate,
        }
        mlflow.log_metrics({name: float(value) for name, value in figures.items() if value is not None})
