"""The OpenAPI document of the interface, made from the endpoints that the routes are made from."""
