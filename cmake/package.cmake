# What `cmake --install` and CPack deliver.
