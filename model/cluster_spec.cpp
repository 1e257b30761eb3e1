#include "model/cluster_spec.h"
