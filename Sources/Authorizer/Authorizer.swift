// Authorizer
