"""Times of what a cluster says."""

import datetime


def seconds(point):
    """Since 1970, of a point of a metric."""
    return datetime.datetime.fromisoformat(point["time"].replace("Z", "+00:00")).timestamp()
