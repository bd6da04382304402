"""The ground floor: settings, errors, tables, store, queue, events, texts. Imports no other room."""
