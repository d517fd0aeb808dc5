"""Resources of rules that grow when an attempt fails."""

from collections.abc import Callable


def scaled(base: int) -> Callable[..., int]:
    """Resource callable for Snakemake: ``base`` times the number of the attempt."""

    def resource(wildcards: object, attempt: int) -> int:
        return base * attempt

    return resource
