"""What a job reported, and when."""

import datetime


def reports(cluster, job, name):
    """Of a metric, in their order: (seconds since 1970, step)."""
    points = cluster.json("metrics", job, name)["items"][0]["points"]
    return [(datetime.datetime.fromisoformat(point["time"].replace("Z", "+00:00")).timestamp(),
             int(point["step"])) for point in points]
