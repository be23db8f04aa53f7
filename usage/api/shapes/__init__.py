"""What the API answers: Structs that are encoded, and of which OpenAPI's schemas are made.

docs/decisions/answers-are-structs.md says why.
"""
