#include "model/task_context.h"
