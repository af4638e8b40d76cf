"""What each column means that readers of bi see from tables of migrations; one that does not speak of null is full."""

from alembic import op

revision = "0015"
down_revision = "0014"

COMMENTS = """
comment on column alerts."case".case_id is 'The case; bi.case_events and bi.held_alerts refer to it.';
comment on column alerts."case".customer_id is 'The customer, as in bi.customer_360. A case follows its customer when accounts are joined.';
comment on column alerts."case".episode is 'Which case of the customer it is, counted from 1.';
comment on column alerts."case".state is 'open, acknowledged, in_progress or closed. A customer has at most one case that is not closed.';
comment on column alerts."case".level is 'low, medium or high: how urgent the signals make it.';
comment on column alerts."case".route is 'Who it concerns: the route of its strongest signal.';
comment on column alerts."case".routes is 'All routes whose signals took part, the strongest first.';
comment on column alerts."case".owner_id is 'The account manager who has the case, as in the source; null where the customer has none or the case went to a team.';
comment on column alerts."case".owner_name is 'Name of the account manager or team that has the case; null where it is unknown.';
comment on column alerts."case".owner_email is 'Address that the case was sent to; null where there is none.';
comment on column alerts."case".probability is 'Probability of churn within the model''s horizon, 0 to 1, as last scored in this episode; null where the model did not score the customer in it.';
comment on column alerts."case".value_at_stake is 'What the customer is worth a year, in the company''s currency; 0 where that is unknown.';
comment on column alerts."case".expected_loss is 'Probability times value at stake: a year, in the company''s currency. Where probability is null, that of the level in playbooks.yml stands in for it.';
comment on column alerts."case".reasons is 'At most three reasons of distinct families, in the reader''s language: [{family, title, text}]; title is null where the family has no name in that language.';
comment on column alerts."case".next_step is 'What to do, from playbooks.yml, in the reader''s language.';
comment on column alerts."case".opened_as_of is 'Day whose data opened the case.';
comment on column alerts."case".updated_as_of is 'Day whose data last gave the case a signal.';
comment on column alerts."case".opened_at is 'When the case was written, UTC.';
comment on column alerts."case".updated_at is 'When the case last changed, UTC.';
comment on column alerts."case".closed_at is 'When the case was closed, UTC; null while it is not closed.';

comment on column alerts.case_event.event_id is 'The event; later ones have higher numbers.';
comment on column alerts.case_event.case_id is 'The case that it happened to.';
comment on column alerts.case_event.as_of_date is 'Day whose data made it happen.';
comment on column alerts.case_event.kind is 'What happened: opened, raised, joined, refreshed, quiet, suppressed, notified, closed, held, released, dropped or moved.';
comment on column alerts.case_event.reason is 'Why, in words.';
comment on column alerts.case_event.detail is 'Values that belong to it, by name; {} where there are none.';
comment on column alerts.case_event.happened_at is 'When it was written, UTC.';

comment on column alerts.hold.hold_id is 'The hold.';
comment on column alerts.hold.customer_id is 'The customer whose alert waits.';
comment on column alerts.hold.case_id is 'The case of the customer when the hold began; null where there was none.';
comment on column alerts.hold.kind is 'rule or model: whose alert waits.';
comment on column alerts.hold.name is 'Name of the rule, or the churn definition of the model.';
comment on column alerts.hold.reason is 'Why it waits, in words.';
comment on column alerts.hold.held_as_of is 'Day whose data were late.';
comment on column alerts.hold.held_at is 'When the hold was written, UTC.';
comment on column alerts.hold.ended_as_of is 'Day whose data ended the wait; null while it waits.';
comment on column alerts.hold.ended_at is 'When the wait ended, UTC; null while it waits.';
comment on column alerts.hold.outcome is 'released: true once the data had come; dropped: not true; null while it waits.';
comment on column alerts.hold.outcome_reason is 'Why it ended so, in words; null while it waits.';

comment on column ops.publication.publication_id is 'The publication; later ones have higher numbers.';
comment on column ops.publication.as_of_date is 'Day that the published figures are of.';
comment on column ops.publication.run_id is 'The run that published; the same day and run again replaces its own publication.';
comment on column ops.publication.live is 'Whether it may alert; a backfill may not.';
comment on column ops.publication.published_at is 'When it was published, UTC.';
comment on column ops.publication.row_counts is 'Rows published, by name in bi. The date of a backfill has its scores alone.';

comment on column ml.score.customer_id is 'The customer, as in bi.customer_360.';
comment on column ml.score.as_of_date is 'Day that the score is of.';
comment on column ml.score.definition is 'Churn that is foreseen: non_contractual (no purchase) or contractual (the subscription ends).';
comment on column ml.score.model_name is 'Registered model that made the score.';
comment on column ml.score.model_version is 'Its version in the registry.';
comment on column ml.score.probability is 'Probability of churn within the model''s horizon, 0 to 1.';
comment on column ml.score.threshold is 'Probability at or above which the model alerts, as it stood on that day.';
comment on column ml.score.rank_of_day is 'Place among the scores of the day and arm, 1 is the highest probability.';
comment on column ml.score.reasons is 'What moves the score, strongest first: [{family, feature, text, value, baseline, contribution}]; [] for customers past those that are explained.';
comment on column ml.score.scored_at is 'When the score was made, UTC.';
comment on column ml.score.arm is 'a: judged by the champion; b: given to the challenger by model.challenged_share. rank_of_day counts within the arm. Null in bi.scores for dates published before arms were kept.';

comment on column ml.driver.as_of_date is 'Day whose history was measured.';
comment on column ml.driver.definition is 'Churn that it drives: non_contractual or contractual.';
comment on column ml.driver.family is 'Family of features.';
comment on column ml.driver.auc_loss_low is 'Lower bound of auc_loss: 95% of the resamples of customers lie between the bounds.';
comment on column ml.driver.auc_loss_high is 'Upper bound of auc_loss.';
comment on column ml.driver.weight_share_low is 'Lower bound of weight_share: 95% of the resamples of customers lie between the bounds.';
comment on column ml.driver.weight_share_high is 'Upper bound of weight_share.';
comment on column ml.driver.cutoffs is 'How many test dates it was measured on.';
comment on column ml.driver.customers is 'How many customers it was measured on.';
comment on column ml.driver.model_name is 'Registered model whose settings were fitted anew.';
comment on column ml.driver.model_version is 'Its version in the registry.';
comment on column ml.driver.mlflow_run is 'Run in MLflow that has the details.';
comment on column ml.driver.computed_at is 'When it was measured, UTC.';

comment on column ml.watch.as_of_date is 'Day whose scores were watched.';
comment on column ml.watch.definition is 'Churn that the model foresees: non_contractual or contractual.';
comment on column ml.watch.kind is 'gap: features that became unknown; drift: features that moved; scores: probabilities that moved; calibration and lift: earlier scores against what became of the customers.';
comment on column ml.watch.subject is 'What was watched: a feature, all features, the probability, or whose earlier scores.';
comment on column ml.watch.value is 'What was found. gap: share known; drift and scores: distance from the training, PSI; of all features: the share in the scores of those that warn; calibration: leavers over promised leavers; lift: churn of the highest scores over that of all.';
comment on column ml.watch.bound is 'What value was held against, in its unit.';
comment on column ml.watch.verdict is 'fine, warn or hold; hold: the scores of the day were not used.';
comment on column ml.watch.said is 'The finding, in words.';
comment on column ml.watch.model_name is 'Registered model that was watched.';
comment on column ml.watch.model_version is 'Its version in the registry.';
comment on column ml.watch.watched_at is 'When it was watched, UTC.';

comment on column ml.segment_profile.as_of_date is 'Day that the segments are of.';
comment on column ml.segment_profile.segment is 'Name of the segment, S and a number; it stays from run to run.';
comment on column ml.segment_profile.title is 'What the segment differs by most from all customers, in words.';
comment on column ml.segment_profile.customers is 'How many customers behave most like it.';
comment on column ml.segment_profile.centre is 'Typical value by feature, in the feature''s unit.';
comment on column ml.segment_profile.mlflow_run is 'Run in MLflow that has the details.';
comment on column ml.segment_profile.computed_at is 'When the segments were found, UTC.';

comment on column ml.segment.customer_id is 'The customer, as in bi.customer_360.';
comment on column ml.segment.as_of_date is 'Day that the segment is of.';
comment on column ml.segment.segment is 'Segment that the customer behaves most like, as in bi.segment_profiles.';
comment on column ml.segment.distance is 'How far the customer lies from the segment''s centre, in spreads of all customers.';

comment on column ml.suggestion.customer_id is 'The customer, as in bi.customer_360.';
comment on column ml.suggestion.as_of_date is 'Day that the suggestion is of.';
comment on column ml.suggestion.place is '1 to 3, the surest first.';
comment on column ml.suggestion.product_source is 'Source that the article is of.';
comment on column ml.suggestion.product_id is 'The article, as in that source.';
comment on column ml.suggestion.product is 'Name of the article, or its id where it has no name.';
comment on column ml.suggestion.because is 'Articles that the customer bought and that it rests on, each with an order: [{product_source, product_id, product, day, source, order_id}].';
comment on column ml.suggestion.computed_at is 'When it was found, UTC.';
"""


def upgrade() -> None:
    """Say what each column means."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(COMMENTS)
