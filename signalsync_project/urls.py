"""Addresses. The API accepts a trailing slash and never redirects a POST for the lack of one."""

from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
