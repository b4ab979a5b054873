//! One leg of a call: what the PBX said of it last.

use protocol::event::{self, BridgeId, BridgeKind, Device, HangupBy, LegKind, LegState, Spot};

use super::dialplan::Side;
use crate::{Extension, LegId, Time};

#[derive(Debug)]
pub(super) struct Leg {
    pub id: LegId,
    pub device: Device,
    pub kind: LegKind,
    pub side: Side,
    pub state: LegState,
    pub number: Option<Box<str>>,
    pub name: Option<Box<str>>,
    /// What the party at this leg dialled.
    pub dialled: Option<Box<str>>,
    /// The leg that called this one; none for one that called the PBX, or that the PBX called.
    pub called_by: Option<LegId>,
    /// What was dialled to reach this leg.
    pub called_as: Option<Box<str>>,
    /// When dialling it ended in an answer.
    pub taken_at: Option<Time>,
    /// The other half, of a loop.
    pub other_half: Option<LegId>,
    pub bridge: Option<(BridgeId, BridgeKind)>,
    /// Where in the dialplan it stood as it joined the bridge.
    pub spot: Option<Box<Spot>>,
    /// Was in a bridge where it could be heard.
    pub has_met: bool,
    /// Put the others on hold.
    pub holds: bool,
    pub asked_to_end: Option<(HangupBy, Time)>,
    /// The call's offer that this leg stands for.
    pub offer: Option<usize>,
    /// The call's open segment in which this leg's party talks.
    pub segment: Option<usize>,
    /// The bridge in which it last heard the party.
    pub talked_in: Option<BridgeId>,
    /// Talked, and has left the outside party alone in the bridge since.
    pub away_since: Option<Time>,
    /// Met somebody else while away.
    pub consulted: bool,
    /// Has handed its call on; what is still heard of the bridge is no talk.
    pub handed_on: bool,
    /// When its last talk ended.
    pub talked_until: Option<Time>,
    /// False when it was out of sight since it began, or since it last rested.
    pub seen_whole: bool,
    /// Gone; kept only as the call's root.
    pub ended: bool,
    /// The last snapshot that it was seen in or came after.
    pub round: u32,
}

impl Leg {
    pub fn new(told: event::Leg, side: Side, round: u32) -> Leg {
        Leg {
            id: told.id,
            device: told.device,
            kind: told.kind,
            side,
            state: told.state,
            number: told.number,
            name: told.name,
            dialled: told.dialled,
            called_by: None,
            called_as: None,
            taken_at: None,
            other_half: None,
            bridge: None,
            spot: None,
            has_met: false,
            holds: false,
            asked_to_end: None,
            offer: None,
            segment: None,
            talked_in: None,
            away_since: None,
            consulted: false,
            handed_on: false,
            talked_until: None,
            seen_whole: true,
            ended: false,
            round,
        }
    }

    /// A leg known only by its id: gone before we looked, or asked for and not yet up.
    pub fn unseen(id: LegId, side: Side, ended: bool, round: u32) -> Leg {
        let told = event::Leg {
            id,
            linked: None,
            device: "".into(),
            kind: LegKind::Device,
            state: LegState::Down,
            number: None,
            name: None,
            dialled: None,
        };
        Leg { ended, ..Leg::new(told, side, round) }
    }

    /// Without what was its call's.
    pub fn loose(self) -> Leg {
        Leg {
            offer: None,
            segment: None,
            away_since: None,
            called_by: None,
            has_met: false,
            holds: false,
            bridge: None,
            spot: None,
            ..self
        }
    }

    pub fn is_unseen(&self) -> bool {
        self.device.as_str().is_empty()
    }

    /// Somebody's phone or line, of which more than the id is known.
    pub fn is_phone(&self) -> bool {
        self.kind == LegKind::Device && !self.is_unseen()
    }

    /// Somebody's phone or line, and still there.
    pub fn is_live_device(&self) -> bool {
        self.kind == LegKind::Device && !self.ended
    }

    /// The name by which whoever is at this leg is known: the phone's, or outside the house the
    /// number that was dialled.
    pub fn extension(&self) -> Extension {
        let outside = self.called_as.as_deref().filter(|_| self.side == Side::Outside);
        outside.unwrap_or_else(|| self.device.plain()).into()
    }

    pub fn in_bridge(&self, bridge: &BridgeId) -> bool {
        self.bridge.as_ref().is_some_and(|(its, _)| its == bridge)
    }

    /// The bridge in which it can be heard.
    pub fn talk_bridge(&self) -> Option<&BridgeId> {
        match &self.bridge {
            Some((bridge, BridgeKind::Talk | BridgeKind::Conference)) => Some(bridge),
            Some((_, BridgeKind::Holding | BridgeKind::Resting)) | None => None,
        }
    }
}
