// ExtAuthz
