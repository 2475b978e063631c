//! SO_ATTACH_REUSEPORT_CBPF of listeners: which of those that share an address gets a connection.

use super::demux::{Owner, Tuple};
use super::socket::Kind;
use super::{Tcp, TcpId};
use crate::filter::Program;
use crate::link::IfIndex;
use crate::reuseport::GroupProgramError;
use core::net::SocketAddr;

impl Tcp {
    /// Gives the socket's group a program, or takes it away. Of a socket that does not listen yet it is that of the group which
    /// it will begin. `shares`: the socket says SO_REUSEPORT.
    pub(crate) fn set_group_program(
        &mut self,
        id: TcpId,
        program: Option<Program>,
        shares: bool,
    ) -> Result<(), GroupProgramError> {
        let socket = self.sockets.get(id.0).ok_or(GroupProgramError::NotShared)?;
        let listens_at = match (&socket.kind, socket.binding) {
            (Kind::Listening(_), Some(binding)) if binding.options.reuse_port => Some(binding.local.port()),
            (Kind::Idle(_), _) if shares => None,
            // Whose group has begun need not share any more for it to be taken away.
            (Kind::Idle(_), _) if program.is_none() && self.programs.contains_key(&id.0) => None,
            _ if program.is_none() && shares => return Err(GroupProgramError::NoProgram),
            _ => return Err(GroupProgramError::NotShared),
        };
        let takes_away = program.is_none();
        let had = match (listens_at, program) {
            (Some(port), program) => {
                self.has_programs |= program.is_some();
                self.demux.set_program(port, id.0, program.as_ref())
            }
            (None, Some(program)) => self.programs.insert(id.0, Some(program)).flatten(),
            (None, None) => self.programs.get_mut(&id.0).and_then(Option::take),
        };
        if takes_away && had.is_none() { Err(GroupProgramError::NoProgram) } else { Ok(()) }
    }

    /// Has any group of listeners had a program?
    #[inline]
    pub(crate) fn has_group_programs(&self) -> bool {
        self.has_programs
    }

    /// The program that chooses among the listeners for a segment between these ends that came by an interface and is of no
    /// connection.
    pub(crate) fn group_program(&self, local: SocketAddr, remote: SocketAddr, by: IfIndex) -> Option<&Program> {
        let tuple = Tuple { local, remote };
        match self.demux.owner(&tuple).filter(|owner| self.hears(*owner, by)) {
            Some(Owner::Connection(_) | Owner::Request(_)) => return None,
            Some(Owner::Remnant(_)) | None => {}
        }
        self.demux.program(&tuple, |socket| self.bound_to(socket), by)
    }
}
