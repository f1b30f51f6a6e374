"""The OpenAPI 3.1 document of all APIs, made of what their dialects say of themselves."""
