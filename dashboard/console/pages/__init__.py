"""The console's pages, one module each, found by being here. docs/console.md says how to add one."""
