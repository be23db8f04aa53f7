"""URLs of the pages."""

from django.urls import path

from dashboards import views

urlpatterns = [
    path("", views.dashboard, name="home"),
    path("_qs/metrics/ui", views.dashboard, name="dashboard"),
]
