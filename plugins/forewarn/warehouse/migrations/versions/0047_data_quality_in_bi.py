"""What landed, what was late and what the gates said, for readers of bi who see every customer."""

from alembic import op

revision = "0047"
down_revision = "0043"

CHANGES = """
comment on column ops.batch.batch_id is 'The batch; later ones have higher numbers.';
comment on column ops.batch.source is 'The source.';
comment on column ops.batch.stream is 'Its stream.';
comment on column ops.batch.run_id is 'The run that extracted it.';
comment on column ops.batch.started_at is 'When the extraction began, UTC.';
comment on column ops.batch.finished_at is 'When it landed or failed, UTC; null while it runs.';
comment on column ops.batch.status is 'running, landed or failed.';
comment on column ops.batch.rows_in is 'Rows that the source gave.';
comment on column ops.batch.rows_loaded is 'Rows that landed.';
comment on column ops.batch.rows_quarantined is 'Rows that did not fit and were set aside.';
comment on column ops.batch.rows_deduplicated is 'Rows that had landed before, or stood twice in the batch.';
comment on column ops.batch.watermark_before is 'The highest cursor value that had landed before; null without a cursor, and at the first extraction.';
comment on column ops.batch.watermark_after is 'The highest cursor value since; null without a cursor.';
comment on column ops.batch.error is 'Why it failed, in words; null where it did not.';
comment on column ops.batch.next_step is 'What to do about it; null where it did not fail.';

comment on column ops.gate_result.gate is 'The gate: raw, features, scores and so on.';
comment on column ops.gate_result.as_of_date is 'Day that the run was for.';
comment on column ops.gate_result.run_id is 'The run.';
comment on column ops.gate_result.table_name is 'Table, or stream, that was judged.';
comment on column ops.gate_result.expectation is 'Name of the expectation.';
comment on column ops.gate_result.severity is 'critical stops the run; warning and info do not.';
comment on column ops.gate_result.passed is 'Whether it held.';
comment on column ops.gate_result.observed is 'What was found, in words.';
comment on column ops.gate_result.remedy is 'What to do where it does not hold.';
comment on column ops.gate_result.checked_at is 'When it was judged, UTC.';

comment on column ops.late_stream.as_of_date is 'Day on which the stream was late.';
comment on column ops.late_stream.source is 'The source.';
comment on column ops.late_stream.stream is 'Its stream.';
comment on column ops.late_stream.since is 'When the promise was broken, UTC; of a stream that never came, when it was first asked.';
comment on column ops.late_stream.arrived_at is 'When its newest rows came, UTC; null where none ever did.';
comment on column ops.late_stream.promise is 'How old its newest rows may be; null where it never came and promises nothing.';
comment on column ops.late_stream.features is 'The features that are unknown for it.';
comment on column ops.late_stream.judged_at is 'When this was noticed, UTC.';

select access.show('ops.batch', 'company');
select access.show('ops.gate_result', 'company');
select access.show('ops.late_stream', 'company');

-- Whoever read or wrote them before does so still. The workbench shows them to everybody who may log in.
create policy desk on ops.batch for select to desk using (true);
create policy desk on ops.gate_result for select to desk using (true);
create policy desk on ops.late_stream for select to desk using (true);
create policy scorer on ops.gate_result to scorer using (true) with check (true);
create policy scorer on ops.late_stream for select to scorer using (true);
create policy dispatcher on ops.late_stream to dispatcher using (true) with check (true);
"""


def upgrade() -> None:
    """Say what each column means, and show the rows."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(CHANGES)
