"""The SQL text of the DuckDB store, in one place.

`store` is the file, `house` an attached in-memory database that holds what indicators see: views on
the file, and copies of the registry's tables kept fresh by `xinji.store.mirror`.
"""

CREATE = """
create table if not exists store.meta (key varchar primary key, value varchar);
create table if not exists store.series (
    series integer primary key, thing varchar not null, property varchar not null,
    source utinyint not null);
create table if not exists store.rows (
    series integer not null, time timestamp not null, value double not null,
    quality utinyint not null, commit_id bigint not null);
create table if not exists store.hourly (
    series integer not null, time timestamp not null, mean double not null,
    minimum double not null, maximum double not null, count bigint not null);
create table if not exists store.batches (
    batch_id varchar primary key, commit_id bigint not null, stored bigint not null,
    repeated bigint not null, stored_at timestamp not null);
"""

TABLES = ("meta", "series", "rows", "hourly", "batches")
"""The tables of the file."""

# A fold may have taken the rows of the newest commit: then its number is in `meta`.
COMMIT = """
select greatest(coalesce(max(commit_id), 0), coalesce((select max(value::bigint)
       from store.meta where key = 'commit'), 0)), count(*) from store.rows
"""

HOUSE = """
create table house.things (
    id varchar, kind varchar, name varchar, longitude double, latitude double, area varchar,
    owner varchar, attributes json, source varchar, in_service_since timestamp,
    retired_at timestamp, h3 varchar, state varchar);
create table house.areas (
    code varchar, level varchar, title_zh varchar, title_en varchar, parent varchar,
    area_km2 double);
create table house.events (
    id varchar, rule varchar, thing varchar, area varchar, started_at timestamp,
    detected_at timestamp, ended_at timestamp, severity varchar, value double, extreme double,
    "limit" double, source varchar, case_id varchar);
create table house.cases (
    id varchar, type varchar, case_class varchar, state varchar, stage varchar, title varchar,
    thing varchar, area varchar, severity varchar, opened_at timestamp, due_at timestamp,
    closed_at timestamp, outcome varchar, assignee varchar, department varchar,
    clock_us bigint, overdue boolean, indicator varchar, source varchar, condition varchar,
    calendar varchar, limit_us bigint, extensions integer, level varchar, parent varchar,
    exempt boolean, supervised boolean, reopened integer, longitude double, latitude double,
    channel varchar, reports integer, done_at timestamp);
create table house.reports (
    id varchar, sender varchar, channel varchar, case_class varchar, class_confidence double,
    longitude double, latitude double, area varchar, happened_at timestamp, received_at timestamp,
    thing varchar, confidence double, urgency varchar, case_id varchar, disposition varchar,
    score double, rating integer, source varchar);
create table house.looks (
    id bigint, case_id varchar, round integer, thing varchar, problem varchar, asked_at timestamp,
    due_at timestamp, answered_at timestamp, verdict varchar, score double, model varchar);
create table house.spot_checks (
    case_id varchar, asked_at timestamp, answered_at timestamp, still_there boolean,
    answered_by varchar);
create table house.case_steps (
    id bigint, case_id varchar, number integer, time timestamp, action varchar,
    from_state varchar, to_state varchar, actor varchar, role varchar);
create view house.observations as
select s.thing, t.kind, t.area, s.property, r.time, r.value, r.quality,
       case s.source when 0 then 'measured' when 1 then 'replayed' else 'simulated' end as source
from store.rows r join store.series s using (series) left join house.things t on t.id = s.thing;
"""

# Nothing outside the attached files can be read or written from here on, and no setting changed.
SHUT = """
set enable_external_access = false;
set python_enable_replacements = false;
set lock_configuration = true;
"""

APPEND_FRESH = """
insert into store.rows
select series, make_timestamp(time), value, quality, $commit from incoming where fresh
"""

APPEND_LATE = """
insert into store.rows
select series, time, value, quality, $commit from (
    select distinct on (series, time) series, make_timestamp(time) as time, value, quality
    from (select row_number() over () as position, * from incoming) where not fresh
    order by series, time, position
) late
where not exists (
    select 1 from store.rows r
    where r.series = late.series and r.time = late.time
      and r.time between make_timestamp($first) and make_timestamp($last))
"""

NEWEST = """
select series, epoch_us(max(time)) as time, arg_max(value, time) as value,
       arg_max(quality, time) as quality
from store.rows group by series
"""

WINDOW_RAW = """
select * from (
    select series, time, value, quality from store.rows
    where series in (select series from wanted)
      and time >= make_timestamp($start) and time < make_timestamp($end)
    order by time desc limit $limit
) order by series, time
"""

# Hours that retention already folded are read from `hourly`; raw rows and folded hours never
# cover the same hour, see FOLD.
_STEPPED = """
with raw as (
    select series, time, value as mean, value as minimum, value as maximum, 1 as count
    from store.rows where series in (select series from wanted)
      and time >= make_timestamp($start) and time < make_timestamp($end)
    union all
    select series, time, mean, minimum, maximum, count
    from store.hourly where series in (select series from wanted)
      and time >= make_timestamp($start) and time < make_timestamp($end))
"""

WINDOW_STEP = (
    _STEPPED
    + """
select series, time_bucket(to_seconds($step), time, timestamp '1970-01-01' - to_seconds($shift))
           as time,
       sum(mean * count) / sum(count) as mean, min(minimum) as min, max(maximum) as max,
       sum(count)::bigint as count
from raw group by all order by all limit $limit
"""
)

AGGREGATE = (
    _STEPPED
    + """
select w."group" as "group",
       time_bucket(to_seconds($step), time, timestamp '1970-01-01' - to_seconds($shift)) as time,
       sum(mean * count) / sum(count) as mean, min(minimum) as min, max(maximum) as max,
       sum(count)::bigint as count
from raw join wanted w using (series) group by all order by 1, 2
"""
)

SINCE = """
select commit_id, series, epoch_us(time) as time, value, quality from store.rows
where commit_id > $commit order by rowid
"""

FOLD = """
insert into store.hourly
select series, date_trunc('hour', time), avg(value), min(value), max(value), count(*)
from store.rows where time < make_timestamp($before) group by all;
"""

FORGET_RAW = "delete from store.rows where time < make_timestamp($before)"

FORGET_HOURLY = "delete from store.hourly where time < make_timestamp($before)"
