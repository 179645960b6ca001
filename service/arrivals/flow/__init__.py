"""The steps of the service, one verb per file, in the order of the data. Each is an async function on a Context."""
