"""Who uses the service: users, passwords, tokens, plans and quota, activities."""
