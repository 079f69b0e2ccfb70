"""How a route is declared, called and answered; what routes of systems and of the house share."""
