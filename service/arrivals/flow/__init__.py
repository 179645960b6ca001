"""One verb per file, in the order of the data. Each is a plain async function on Tools."""
