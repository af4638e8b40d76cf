"""Rows of a stream seen as rows of an entity, alone and among those of other streams."""

from __future__ import annotations

from forewarn.quality.feeds import Feed, united

LOOKUP = {"table": "groups", "join": "left join (select … from {relation}) as looked_up_1 on …", "by": ['"grp"']}
COLUMNS = {"product_id": '"id"'}


def test_what_a_stream_looks_up_in_vain_is_seen_in_its_own_rows_and_not_among_others() -> None:
    feed = Feed("product", "shop", "articles", COLUMNS, "shop", lookups=[LOOKUP])
    assert (
        'coalesce(case when "grp" is not null and _batch_id_1 is null then \'groups \' || "grp" end)'
        ' as "missed_lookup"' in feed.query()
    )
    joined = 'from "raw_shop"."articles" left join (select … from "raw_shop"."groups") as looked_up_1 on …'
    other = Feed("product", "shop", "films", COLUMNS, "shop")
    both = united([feed, other], "product")
    assert joined in feed.query()
    assert joined in both
    assert "missed_lookup" not in both
    # Queries that are united have as many columns.
    assert len({query.count('" as "') + query.count('::text as "') for query in both.split(" union all ")}) == 1


def test_a_row_may_leave_its_customer_to_what_it_belongs_to_also_where_some_rows_have_one() -> None:
    columns = {"ticket_id": "id", "account_id": "organization_id", "opened_at": "created_at"}
    alone = Feed("ticket", "desk", "tickets", columns, "desk")
    assert alone.owed == ["ticket_id", "account_id", "opened_at"]
    belonging = Feed("ticket", "desk", "tickets", columns, "desk", belongs_to={"contact": "requester_id"})
    assert belonging.owed == ["ticket_id", "opened_at"]
    added = Feed("ticket", "desk", "metrics", {"ticket_id": "ticket_id"}, "desk", partial=True)
    assert added.owed == ["ticket_id"]
