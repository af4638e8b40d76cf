"""One whole message, as the outbox would hold it."""

from datetime import date, timedelta

import pytest

from forewarn.alerts.content import Content, Past, Said

DAY = date(2026, 11, 16)
SCORES = [0.12, 0.13, 0.11, 0.16, 0.18, 0.17, 0.21, 0.27, 0.31, 0.38, 0.41, 0.48, 0.62]


@pytest.fixture
def content() -> Content:
    """A high case with everything that a message can show."""
    return Content(
        case_id=3,
        customer_id="c1",
        customer="Northwind Traders",
        level="high",
        route="account_manager",
        as_of_date=DAY,
        horizon_days=90,
        probability=0.62,
        threshold=0.5,
        model="churn_non_contractual v12",
        rules=["spend_drop v1", "complaint_spike v1"],
        value_at_stake=116_388,
        expected_loss=72_160.56,
        currency="USD",
        renewal_on=date(2027, 1, 2),
        last_order_on=date(2026, 9, 3),
        last_contact_on=date(2026, 10, 12),
        overdue_amount=9699,
        history=[
            Past(as_of_date=DAY - timedelta(days=7 * back), probability=score)
            for back, score in zip(reversed(range(len(SCORES))), SCORES, strict=True)
        ],
        reasons=[
            Said(
                title="Spend has halved",
                text="Bought for $12,400 in the last 90 days, after $31,200 in the 90 before; $88,100 over the year.",
            ),
            Said(
                title="Complaints have jumped",
                text="3 complaints in the last 30 days (3 in the last 90, 0 in the 90 before); open tickets: 2.",
            ),
            Said(title="Buying rhythm", text="no order for 74 days; usually every 21"),
        ],
        next_step="Call Dana Kim by Wednesday, Nov 18. Ask what changed since the last order before offering anything.",
        company="Meridian Supply",
        owner_name="Ana Weber",
        reader_name="Ana Weber",
        locale="en",
        why="owner",
        key="0123456789abcdef01234567",
    )


@pytest.fixture
def chinese(content: Content) -> Content:
    """The same case for a reader of Chinese."""
    return content.model_copy(
        update={
            "customer": "北风贸易有限公司",
            "locale": "zh_CN",
            "reader_name": "陈安娜",
            "reasons": [
                Said(title="消费金额减半", text="最近 90 天购买 US$12,400，此前 90 天为 US$31,200；全年 US$88,100。"),
                Said(
                    title="投诉激增",
                    text="最近 30 天有 3 次投诉（最近 90 天 3 次，此前 90 天 0 次）；仍有 2 个工单未结。",
                ),
            ],
            "next_step": "请在11月18日星期三前致电金黛娜，先了解上次下单后有何变化，再提出方案。",
        }
    )
