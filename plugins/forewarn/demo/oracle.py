"""How well anybody could foresee the simulated company: an observer who knows every hazard, but not who has left.

A model sees less than that, so its figures must stay below the observer's; one that is better has seen the future.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from forewarn.demo.hazards import HAZARD_A_DAY
from forewarn.demo.purchases import DRIFT_STRETCHES
from forewarn.demo.world import Flags, Floats, Integers, Moments

STEP_DAYS = 3
PRIOR_GAPS = 3
LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class Foresight:
    """What comes, and what could be known of it, for the eligible customers of one day; every array (customers,).

    Attributes
    ----------
    customer : number, counted from 1
    silent : whether they buy nothing within the horizon
    gone : whether they have left already
    probability : of silence, as the observer sees it
    """

    customer: Integers
    silent: Flags
    gone: Flags
    probability: Floats


def foresee(
    customers: pa.Table,
    hazards: pa.Table,
    *,
    buyer: Integers,
    bought: Moments,
    as_of: np.datetime64,
    horizon_days: int = 60,
    eligible_days: int = 90,
) -> Foresight:
    """Judge every customer who bought within `eligible_days` before `as_of`.

    Parameters
    ----------
    customers, hazards : Table
        The truth, for customers numbered from 1 without gaps.
    buyer, bought : (orders,)
        Customer number and moment of every order, those after `as_of` included: they are the answer.
    """
    n = customers.num_rows
    day = (bought.astype("datetime64[D]") - as_of.astype("datetime64[D]")).astype(np.int64)
    last = np.full(n, -(10**6))
    np.maximum.at(last, buyer[day < 0] - 1, day[day < 0])
    silent = np.ones(n, dtype=np.bool_)
    silent[buyer[(day >= 0) & (day < horizon_days)] - 1] = False
    eligible = np.flatnonzero(last >= -eligible_days)

    paths = _Paths(hazards, n, as_of)
    mean, shape = (customers.column(name).to_numpy()[eligible] for name in ("gap_days", "regularity"))
    scale = mean / shape * (1 + DRIFT_STRETCHES * paths.drift[eligible])
    # Who never leaves has no date, which is not before any other.
    churned = customers.column("churned_on").to_numpy().astype("datetime64[D]")
    gone = churned[eligible] < as_of.astype("datetime64[D]")
    return Foresight(
        customer=eligible + 1,
        silent=silent[eligible],
        gone=gone,
        probability=_silence(
            paths, eligible, quiet=-last[eligible], shape=shape, scale=scale, horizon_days=horizon_days
        ),
    )


def as_seen(customers: pa.Table, *, buyer: Integers, bought: Moments, as_of: np.datetime64) -> pa.Table:
    """Return the truth with each customer's rhythm as the purchases before a day tell it.

    An observer who is given this knows every hazard, and has to read the rhythm off the orders, as anybody has. How
    regular customers are on the whole stands in where one has few gaps.
    """
    day = bought.astype("datetime64[D]")
    before = day < as_of.astype("datetime64[D]")
    pairs = np.unique(np.column_stack([buyer[before] - 1, day[before].astype(np.int64)]), axis=0)
    same = np.diff(pairs[:, 0]) == 0
    owner, gap = pairs[1:, 0][same], np.diff(pairs[:, 1])[same].astype(np.float64)
    n = customers.num_rows
    gaps, total, squares = (np.bincount(owner, weights, n) for weights in (None, gap, gap**2))
    known = gaps > 0
    mean = np.where(known, total / np.maximum(gaps, 1), np.median(total[known] / gaps[known]))
    usual = float((1 / customers.column("regularity").to_numpy()).mean())
    spread = (squares - gaps * mean**2) / np.maximum(gaps - 1, 1) / mean**2
    spread = (gaps * np.where(gaps > 1, spread, usual) + PRIOR_GAPS * usual) / (gaps + PRIOR_GAPS)
    seen = {"gap_days": mean, "regularity": 1 / np.maximum(spread, LEAST_SPREAD)}
    for name, values in seen.items():
        customers = customers.set_column(customers.column_names.index(name), name, pa.array(values))
    return customers


class _Paths:
    """The hazards before and at an as-of date."""

    def __init__(self, hazards: pa.Table, n: int, as_of: np.datetime64) -> None:
        days = hazards.column("day").to_numpy().astype("datetime64[D]").reshape(n, -1)[0]
        self._first, self._step = days[0], int((days[1] - days[0]).astype(int))
        self._hazard = hazards.column("hazard_per_day").to_numpy().reshape(n, -1)
        self._as_of = as_of.astype("datetime64[D]")
        drift = hazards.column("drift").to_numpy().reshape(n, -1)[:, self._column(np.zeros(1, np.int64))[0]]
        self.drift: Floats = np.sqrt(drift / HAZARD_A_DAY["drift"]).astype(np.float64)

    def at(self, rows: Integers, ago: Integers) -> Floats:
        """Return the hazard per day of customers (by index), so many days before the as-of date."""
        hazard: Floats = self._hazard[rows, self._column(ago)].astype(np.float64)
        return hazard

    def _column(self, ago: Integers) -> Integers:
        place = ((self._as_of - self._first).astype(int) - ago) // self._step
        column: Integers = np.clip(place, 0, self._hazard.shape[1] - 1)
        return column


def _silence(
    paths: _Paths, rows: Integers, *, quiet: Integers, shape: Floats, scale: Floats, horizon_days: int
) -> Floats:
    """Return the probability of no order within the horizon, given how long each has been quiet already.

    Either they left on some day of the quiet, or they are still here: then they leave before the next order is due, or
    the next order is simply due later.
    """
    from scipy.stats import gamma

    gap = gamma(shape, scale=scale)
    left, burden = np.zeros(len(rows)), np.zeros(len(rows))
    for since in range(0, int(quiet.max(initial=0)), STEP_DAYS):
        days = np.clip(quiet - since, 0, STEP_DAYS)
        hazard = paths.at(rows, np.maximum(quiet - since, 0)) * days
        left += hazard * np.exp(-burden) * gap.sf(since)
        burden += hazard
    here = np.exp(-burden) * gap.sf(quiet)
    hazard = paths.at(rows, np.zeros(len(rows), np.int64))
    later = np.exp(-hazard * horizon_days) * gap.sf(quiet + horizon_days)
    for ahead in range(0, horizon_days, STEP_DAYS):
        later += hazard * STEP_DAYS * np.exp(-hazard * ahead) * gap.sf(quiet + ahead)
    silence: Floats = (left + np.exp(-burden) * later) / np.maximum(left + here, 1e-300)
    return np.clip(silence, 0, 1)
