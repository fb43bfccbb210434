from __future__ import annotations

import asyncio

import httpx

from jupyter_deploy.controller.problems import MEDIA_TYPE, Api


def test_a_defect_is_a_problem_document_without_its_inside() -> None:
    app = Api()

    @app.get("/defect")
    def defect() -> None:
        raise ZeroDivisionError("a secret of the inside")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
            return await client.get("/defect")

    answer = asyncio.run(ask())
    assert answer.status_code == answer.json()["status"] == 500
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "secret" not in answer.text
    assert "log has the details" in answer.json()["hint"]
