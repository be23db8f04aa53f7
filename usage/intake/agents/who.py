"""Who made a call, and on what: the names under which agents and their set-ups tell it."""

from usage.intake.agents.event import AgentEvent

# The preferred ones first: a person's address before an id that only the sender knows.
USER = ("user.email", "enduser.id", "user.account_uuid", "enduser.pseudo.id", "user.id")
SESSION = ("session.id", "conversation.id", "gen_ai.conversation.id")
TEAM = ("team.id", "department", "cost_center")
PROJECT = ("vcs.repository.name", "project.id")
APP = ("service.name",)

ATTRIBUTES = frozenset((*USER, *SESSION, *TEAM, *PROJECT, *APP))


def who(event: AgentEvent) -> dict[str, str | None]:
    return {
        "user": event.text(*USER),
        "session": event.text(*SESSION),
        "team": event.text(*TEAM),
        "project": event.text(*PROJECT),
        "app": event.text(*APP),
    }
