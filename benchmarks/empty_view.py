"""A Django project of one empty view under the portal's own server: what any post must cost."""

import os

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import re_path

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=[],
        ROOT_URLCONF="benchmarks.empty_view",
        SECRET_KEY="of no use here",
        WSGI_APPLICATION="benchmarks.empty_view.application",
    )

from django.core.wsgi import get_wsgi_application

from qsmetrics.setting_types import BindAddress
from usage.management import server


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(headers={"Content-Length": "0"})


urlpatterns = [re_path("", view)]
application = get_wsgi_application()


def main() -> None:
    listener = server.listen(BindAddress("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    workers, threads = (int(os.environ[name]) for name in ("WORKERS", "THREADS"))
    server.run(listener, workers=workers, threads=threads)


if __name__ == "__main__":
    main()
