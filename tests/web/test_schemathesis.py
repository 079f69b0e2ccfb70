"""Schemathesis over the OpenAPI document: whatever is asked, nothing fails with 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.web.everything import Everything

LEFT_OUT = {
    ("GET", "/api/changes"): "a stream without an end",
    ("GET", "/api/cases/changes"): "a stream without an end",
    ("POST", "/api/sign-out"): "ends the token that the others ask with",
}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    made = Everything(tmp_path_factory.mktemp("everything") / "data")
    yield made
    made.close()


def operations(everything: Everything) -> list[Any]:
    document = everything.get("/api/openapi.json", "")
    schema = schemathesis.openapi.from_dict(document)
    found = [each.ok() for each in schema.get_all_operations()]
    assert len(found) > 120
    return [each for each in found if (each.method.upper(), each.path) not in LEFT_OUT
            and "stream" not in each.path]  # fmt: skip


def ask(everything: Everything, case: Any, who: str) -> httpx.Response:
    """Send a generated case as a person; a stream or a large answer is not waited for."""
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {everything.tokens[who]}"}
    answer: Any = case.call(base_url=everything.url, headers=case.headers, timeout=60)
    return answer  # type: ignore[no-any-return]


def check(everything: Everything, who: str, examples: int) -> None:
    wrong: list[str] = []
    for operation in operations(everything):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=mode)

            @seed(7)
            @settings(
                max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=cases)
            def run(case: Any) -> None:
                answer = ask(everything, case, who)
                late = answer.status_code == 503 and "retry-after" in answer.headers
                if answer.status_code >= 500 and not late:
                    wrong.append(f"{case.method} {case.formatted_path}: {answer.status_code}")

            try:
                run()
            except (Unsatisfiable, schemathesis.errors.SchemathesisError):
                continue  # nothing can be wrong with a request without parameters
    assert not wrong, "\n".join(wrong[:50])


def test_no_request_of_an_administrator_fails_with_500(everything: Everything) -> None:
    check(everything, "administrator", 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "who", ["administrator", "operator", "viewer", "west-operator", "intake", "wang", "hub"]
)
def test_no_request_of_any_role_fails_with_500(everything: Everything, who: str) -> None:
    check(everything, who, 25)
